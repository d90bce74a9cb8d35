/**
 * The settings by which it is decided who may connect and join. Where they change nobody stays: clients connect again,
 * and are asked anew.
 */
import type { RestSettings } from '../../rest/context.ts';

const rulesOf = ({ config }: RestSettings): string => {
  const { jwtSecret, jwtAud, jwtRoleClaimKey, apiKeys, dbAnonRole, realtimePrivateOnly } = config;
  return JSON.stringify([jwtSecret, jwtAud, jwtRoleClaimKey, apiKeys, dbAnonRole, realtimePrivateOnly]);
};

/** Whether the rules have changed since it was asked last. */
export function createRuleWatch(current: () => RestSettings): () => boolean {
  let settings = current();
  let rules = rulesOf(settings);
  return () => {
    const now = current();
    if (now === settings) return false;
    settings = now;
    const before = rules;
    rules = rulesOf(now);
    return before !== rules;
  };
}
