/**
 * Who of this process is in which channel. A public and a private channel of the same name are two.
 */
import { type Broadcast, broadcastFrames, type Frames } from './frames.ts';

/** A channel that a connection has joined, as far as messages to all are concerned. */
export interface Member {
  /** `id` is of a message that is kept, and may have been replayed to the member already. */
  readonly receiveBroadcast: (frames: Frames, id: string | null) => void;
}

/** Names a channel. */
export const keyOf = ({ topic, private: isPrivate }: Pick<Broadcast, 'topic' | 'private'>): string =>
  `${isPrivate ? '+' : '-'}${topic}`;

export class Hub {
  readonly #members = new Map<string, Set<Member>>();
  #count = 0;

  add(key: string, member: Member): void {
    const members = this.#members.get(key);
    if (members) members.add(member);
    else this.#members.set(key, new Set([member]));
    this.#count += 1;
  }

  remove(key: string, member: Member): void {
    const members = this.#members.get(key);
    if (!members?.delete(member)) return;
    this.#count -= 1;
    if (members.size === 0) this.#members.delete(key);
  }

  /** How many memberships there are. */
  get size(): number {
    return this.#count;
  }

  /** Hands a message to all members of its channel but one; gives how many there were. */
  deliver(broadcast: Broadcast, except: Member | null): number {
    const members = this.#members.get(keyOf(broadcast));
    if (!members) return 0;
    const frames = broadcastFrames(broadcast);
    for (const member of members) if (member !== except) member.receiveBroadcast(frames, broadcast.id);
    return members.size;
  }
}
