/** Run as a process of its own: starts the embedded server (folder, port), says its pid, and waits to be killed. */
import { startEmbedded } from '../../server/embedded.ts';

const [folder = '', port = ''] = process.argv.slice(2);
const server = await startEmbedded({ dataDir: folder, port: Number(port) });
process.stdout.write(`${server.pid}\n`);
setInterval(() => undefined, 60_000);
