/**
 * A project's open tasks, the same on every screen: a live query for the rows, a channel for who is here and what they
 * point at. The server's address and a token come behind `#`, which no server gets to see.
 */
import { type AuraError, createClient } from '../../sdk/index.ts';
import type { Database } from '../client/database.ts';

const PROJECT = 1;

const given = new URLSearchParams(location.hash.slice(1));
const aura = createClient<Database>(given.get('url') ?? 'http://127.0.0.1:54321', {
  token: given.get('token') ?? '',
});

const element = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
};

/** A new element with a text in it, which stays a text whatever it says. */
const make = (tag: string, text: string, name = ''): HTMLElement => {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = name;
  return made;
};

const say = (text: string): void => {
  element('said').textContent = text;
};
const complain = ({ code, message }: AuraError): void => say(`${code}: ${message}`);

const me = await aura
  .from('people')
  .select('full_name')
  .limit(1)
  .eq('id', given.get('me') ?? '')
  .single()
  .orThrow();

const tasks = await aura
  .from('tasks')
  .select('id, reference, title, status, assignee:people!tasks_assignee_id_fkey(full_name)')
  .eq('project_id', PROJECT)
  .in('status', ['in_progress', 'in_review'])
  .order('updated_at', { ascending: false })
  .limit(12)
  .live();

const room = await aura.channel<{ name: string }>(`project:${PROJECT}`, {
  key: given.get('me') ?? '',
  presence: (here) => {
    const names = Object.values(here).flatMap((metas) => metas.slice(0, 1).map(({ name }) => name));
    element('people').replaceChildren(...names.toSorted().map((name) => make('li', name)));
  },
  messages: { pointed: (payload) => say(String(payload)) },
});
await room.track({ name: me.full_name });

type Task = NonNullable<typeof tasks.state.rows>[number];

const lineOf = ({ id, reference, title, status, assignee }: Task): HTMLElement => {
  const line = document.createElement('li');
  const finish = make('button', 'Done');
  finish.onclick = async () => {
    const { error } = await aura.rpc('move_task', { task_id: id, status: 'done' });
    if (error) complain(error);
  };
  const name = make('span', title, 'title');
  name.onclick = () => void room.send('pointed', `${me.full_name} points at ${reference}`);
  line.append(make('small', reference ?? ''), name, make('small', assignee?.full_name ?? status), finish);
  return line;
};

const draw = (): void => {
  const { rows = [], status } = tasks.state;
  element('tasks').replaceChildren(...rows.map(lineOf));
  element('status').textContent = status;
  element('status').dataset['status'] = status;
};
tasks.subscribe(draw);
draw();

element('report').onsubmit = async (event) => {
  event.preventDefault();
  const form = event.target as HTMLFormElement;
  const title = String(new FormData(form).get('title'));
  const { error } = await aura.from('tasks').insert({ project_id: PROJECT, title, status: 'in_progress' });
  if (error) complain(error);
  else form.reset();
};
