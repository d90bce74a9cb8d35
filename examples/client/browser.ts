/** The same in a browser: the server's address and a token come behind `#`, which no server gets to see. */
import { AuraError, createClient } from '../../sdk/index.ts';
import { loadBoard } from './board.ts';
import type { Database } from './database.ts';

const output = document.querySelector('output');
const given = new URLSearchParams(location.hash.slice(1));
const aura = createClient<Database>(given.get('url') ?? 'http://127.0.0.1:54321', {
  token: given.get('token') ?? '',
});
try {
  const board = await loadBoard(aura);
  if (output !== null) output.textContent = JSON.stringify(board);
} catch (error) {
  if (output !== null)
    output.textContent = error instanceof AuraError ? `${error.code}: ${error.message}` : String(error);
}
