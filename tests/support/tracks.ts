/** The example project `examples/tracks` as setup SQL for a test database, and who is who in its seed. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadProject } from '../../server/project/folder.ts';

/** Schema, policies and seed in one text: `createDatabase(await loadTracks())`. */
export const loadTracks = async (): Promise<string> => {
  const { migrations, policies, seed } = await loadProject(
    join(import.meta.dirname, '../../examples/tracks'),
  );
  return [...migrations, ...policies, ...(seed === null ? [] : [seed])].map(({ text }) => text).join('\n');
};

const REALTIME = ['capture.sql', 'grants.sql', 'messages.sql', 'channels.sql', 'channel-grants.sql'];

/** The same with everything of realtime, as `aura dev` installs it. */
export const loadLiveTracks = async (): Promise<string> => {
  const folder = join(import.meta.dirname, '../../sql/realtime');
  const scripts = await Promise.all(REALTIME.map((name) => readFile(join(folder, name), 'utf8')));
  return [...scripts, await loadTracks()].join('\n');
};

/** People of the seed by the `sub` of their token. */
export const people = {
  /** Owns Lighthouse (organization 1, projects 1 to 14). */
  mira: '00000000-0000-4000-8000-000000000001',
  /** Member of Lighthouse. */
  jonas: '00000000-0000-4000-8000-000000000002',
  /** Owns Harbor (organization 2, projects 15 to 22). */
  priya: '00000000-0000-4000-8000-000000000003',
} as const;
