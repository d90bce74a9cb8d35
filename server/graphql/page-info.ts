/** What `pageInfo` says of a page. */
import type { PageInfoValue } from '../plan/document.ts';
import { type Selected, unexpected } from './selected.ts';

export function planPageInfo(selected: Selected): PageInfoValue {
  switch (selected.meaning.kind) {
    case 'start cursor':
    case 'end cursor':
    case 'has next page':
    case 'has previous page':
      return { kind: selected.meaning.kind };
    default:
      throw unexpected(selected);
  }
}
