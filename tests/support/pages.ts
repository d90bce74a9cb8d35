/** Walks through pages as clients do: by the links of each answer. */
import type { ApiAnswer, ApiRequest, RequestApi } from './api.ts';

/** The targets of an answer's Link header, resolved against the path that was asked for. */
export function linksOf(answer: ApiAnswer, path: string): { next: string | null; prev: string | null } {
  const header = String(answer.headers['link'] ?? '');
  const find = (rel: string): string | null => {
    const target = new RegExp(`<([^>]*)>; rel="${rel}"`).exec(header)?.[1];
    if (target === undefined) return null;
    const url = new URL(target, `http://server${path}`);
    return url.pathname + url.search;
  };
  return { next: find('next'), prev: find('prev') };
}

/** The cursor of a link. */
export const cursorOf = (link: string | null): string =>
  new URLSearchParams((link ?? '').split('?')[1]).get('cursor') ?? '';

export interface Page {
  readonly path: string;
  readonly answer: ApiAnswer;
}

/** All pages from a path on. Fails at a status other than those of rows, and where there seems to be no end. */
export async function walk(
  request: RequestApi,
  from: string,
  towards: 'next' | 'prev',
  options: ApiRequest = {},
  between: () => Promise<void> = async () => undefined,
): Promise<Page[]> {
  const pages: Page[] = [];
  let path: string | null = from;
  while (path !== null) {
    const headers = { Prefer: 'pagination=cursor', ...options.headers };
    const answer = await request('GET', path, { ...options, headers });
    if (answer.status !== 200 && answer.status !== 206) {
      throw new Error(`${path} answered ${answer.status}: ${answer.body}`);
    }
    pages.push({ path, answer });
    if (pages.length > 500) throw new Error(`${from} has no end`);
    await between();
    path = linksOf(answer, path)[towards];
  }
  return pages;
}
