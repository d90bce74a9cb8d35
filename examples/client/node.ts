/** `AURA_TOKEN=... node examples/client/node.ts [url]` */
import process from 'node:process';
import { createClient } from '../../sdk/index.ts';
import { loadBoard } from './board.ts';
import type { Database } from './database.ts';

const url = process.argv[2] ?? 'http://127.0.0.1:54321';
const aura = createClient<Database>(url, { token: process.env['AURA_TOKEN'] ?? '' });
console.log(JSON.stringify(await loadBoard(aura)));
