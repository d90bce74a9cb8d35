// in-process: HTTP parser → app → canned database answer → HTTP text; best slice counts
import { Duplex } from 'node:stream';
const dir = process.argv[2]!;
const { Exchanger } = await import(`${dir}/server/execute/exchange.ts`);
const { createApp } = await import(`${dir}/server/app.ts`);
const { loadConfig } = await import(`${dir}/server/config.ts`);
const { createAdaptorServer } = await import('@hono/node-server');
const { signToken } = await import(`${dir}/server/identity/sign.ts`);
import { readFileSync } from 'node:fs';
const up = JSON.parse(readFileSync('/tmp/wtb/up.out','utf8'));
const SECRET='Kq3vZ8xR2mN7pW4tY9bC6hJ1fD5gL0sA';
const app = createApp((database: unknown) => loadConfig({ env: {AURA_DB_URI: up.u, AURA_DB_POOL:'8', AURA_DB_SCHEMAS:'public', AURA_DB_MAX_ROWS:'1000', AURA_DB_ANON_ROLE:'anon', AURA_JWT_SECRET: SECRET, AURA_DB_CHANNEL_ENABLED:'false'}, database }));
await app.start();
const real = Exchanger.prototype.run;
const server = createAdaptorServer({ fetch: app.api.fetch });
class Wire extends Duplex { peer: any; onText: any;
  override _read() {}
  override _write(c: any, _e: any, cb: any) { this.onText(c); cb(); }
  override _writev(chunks: any[], cb: any) { for (const c of chunks) this.onText(c.chunk); cb(); }
  override _final(cb: any) { cb(); }
  setTimeout() { return this; } setNoDelay() { return this; } setKeepAlive() { return this; } get remoteAddress() { return '127.0.0.1'; } ref() {} unref() {}
}
const token = signToken(SECRET, {role:'authenticated', sub:'00000000-0000-4000-8000-000000000001', aud:'authenticated', exp:4102444800});
const TASK='id,number,title,description,status,priority,assignee_id,estimate,due_on,created_at,updated_at,completed_at';
let served = 0, seq = 0;
const nextText = () => Buffer.from(`GET /rest/v1/tasks?select=${TASK}&id=eq.${1000+(seq++%4000)} HTTP/1.1\r\nHost: 127.0.0.1:44103\r\nAuthorization: Bearer ${token}\r\n\r\n`);
let captured: any = null;
Exchanger.prototype.run = async function (steps: any) { const o = await real.call(this, steps); captured = o; return o; };
let stop = false;
for (let i=0;i<16;i++) {
  const wire = new Wire({ allowHalfOpen: true } as any);
  // the head and the body arrive as two pieces: the answer is whole with the body
  let text = '';
  wire.onText = (c: any) => { text += typeof c === 'string' ? c : c.latin1Slice(); if (text.endsWith(']')) { served++; if (served===1) console.error(text.slice(0,600)); text=''; if (!stop) setImmediate(()=>wire.push(nextText())); } };
  server.emit('connection', wire);
  wire.push(nextText());
}
await new Promise(r=>setTimeout(r,300));
const outcome = captured; if (outcome.error) throw outcome.error;
Exchanger.prototype.run = () => Promise.resolve(outcome);
await new Promise(r=>setTimeout(r,2500));
const slices: number[] = []; 
for (let i=0;i<40;i++) { const n=served; const t=process.hrtime.bigint(); await new Promise(r=>setTimeout(r,100)); slices.push(Number(process.hrtime.bigint()-t)/1000/(served-n)); }
slices.sort((a,b)=>a-b);
console.log(dir.padEnd(20), 'best', slices[0]!.toFixed(2), 'p25', slices[10]!.toFixed(2), 'median', slices[20]!.toFixed(2));
process.exit(0);
