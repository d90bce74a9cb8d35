import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { listenHost } from '../../server/config/listen-host.ts';

describe('a host setting', () => {
  test.each([
    ['!4', { host: '0.0.0.0', ipv6Only: false }],
    ['!6', { host: '::', ipv6Only: true }],
    ['*', { host: '::', ipv6Only: false }],
    ['*4', { host: '::', ipv6Only: false }],
    ['*6', { host: '::', ipv6Only: false }],
    ['127.0.0.1', { host: '127.0.0.1', ipv6Only: false }],
    ['localhost', { host: 'localhost', ipv6Only: false }],
    ['[::1]', { host: '::1', ipv6Only: false }],
  ])('%s is an address to listen at', (setting, expected) => {
    expect(listenHost(setting)).toEqual(expected);
  });

  test('!4 can be listened at as it is', async () => {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ ...listenHost('!4'), port: 0 }, resolve);
    });
    expect(server.address()).toMatchObject({ address: '0.0.0.0', family: 'IPv4' });
    await new Promise((resolve) => server.close(resolve));
  });
});
