/** What the program does, wherever it runs: a project's board, read, changed and put back. */
import { type Client, pages } from '../../sdk/index.ts';
import type { Database, Enums } from './database.ts';

export interface Board {
  readonly project: string;
  /** How many tasks there are of each status. */
  readonly columns: Readonly<Partial<Record<Enums<'task_status'>, number>>>;
  /** The first task that is due, and by whom. */
  readonly due: string | null;
  /** The status that a task was moved to. */
  readonly moved: Enums<'task_status'>;
  /** Tasks, counted page by page. */
  readonly counted: number;
}

/** @throws AuraError */
export const loadBoard = async (aura: Client<Database, 'public'>): Promise<Board> => {
  const project = await aura
    .from('projects')
    .select('id, name, tasks(status, count())')
    .order('id')
    .limit(1)
    .single()
    .orThrow();
  const due = await aura
    .from('tasks')
    .select('reference, assignee:people!tasks_assignee_id_fkey!inner(handle)')
    .eq('project_id', project.id)
    .is('due_on', 'not_null')
    .in('status', ['todo', 'in_progress'])
    .order('due_on')
    .order('id')
    .limit(1)
    .maybeSingle()
    .orThrow();
  const task = await aura.from('tasks').select('id, status').order('id').limit(1).single().orThrow();
  const moved = await aura.rpc('move_task', { task_id: task.id, status: 'in_review' }).orThrow();
  await aura.from('tasks').update({ status: task.status }).eq('id', task.id).maxAffected(1).orThrow();
  let counted = 0;
  for await (const rows of pages(aura.from('tasks').select('id').eq('project_id', project.id).limit(200))) {
    counted += rows.length;
  }
  return {
    project: project.name,
    columns: Object.fromEntries(project.tasks.map(({ status, count }) => [status, count])),
    due: due && `${due.reference} ${due.assignee.handle}`,
    moved: moved.status,
    counted,
  };
};
