/**
 * Tells when a project's files change. Editors write in several steps, so that changes are collected until the
 * folder has been quiet for a moment.
 */
import { existsSync, type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';

export interface ProjectChange {
  /** SQL was added, changed or removed. */
  readonly scripts: boolean;
  /** The name of a file of settings that was; null if none. */
  readonly settings: string | null;
}

export interface Watched {
  readonly folder: string;
  /** Folders in it whose files count, too. */
  readonly subfolders: readonly string[];
  /** Whether a path within the folder is one of SQL that is applied. */
  readonly isScript: (name: string) => boolean;
  /** The names of the files of settings. */
  readonly settings: readonly string[];
}

const QUIET = 150;

/**
 * Watches until told to stop.
 * @returns a function that stops it
 */
export const watchProject = (
  { folder, subfolders, isScript, settings }: Watched,
  onChange: (change: ProjectChange) => void,
): (() => void) => {
  const watchers = new Map<string, FSWatcher>();
  const seen = new Set<string>();
  let timer: NodeJS.Timeout | null = null;

  const report = (): void => {
    timer = null;
    const names = [...seen];
    seen.clear();
    // a subfolder that has just been made holds files already
    const added = watchSubfolders();
    const change = {
      scripts: added || names.some(isScript),
      settings: names.find((name) => settings.includes(name)) ?? null,
    };
    if (change.scripts || change.settings !== null) onChange(change);
  };
  const note = (name: string): void => {
    seen.add(name);
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(report, QUIET);
  };
  const watchFolder = (path: string, prefix: string): void => {
    const watcher = watch(path, (_event, name) => note(`${prefix}${name ?? ''}`));
    const forget = (): void => {
      watcher.close();
      watchers.delete(path);
    };
    // the folder was removed; the watcher of the one above sees it come back
    watcher.on('error', forget);
    watchers.set(path, watcher);
  };
  const watchSubfolders = (): boolean => {
    let added = false;
    for (const name of subfolders) {
      const path = join(folder, name);
      if (!existsSync(path)) {
        watchers.get(path)?.close();
        watchers.delete(path);
      } else if (!watchers.has(path)) {
        watchFolder(path, `${name}/`);
        added = true;
      }
    }
    return added;
  };

  watchFolder(folder, '');
  watchSubfolders();
  return () => {
    if (timer !== null) clearTimeout(timer);
    for (const watcher of watchers.values()) watcher.close();
  };
};
