/** Hooks for React, on TanStack Query: queries of the client are its queries, under keys of their own. */
import {
  type QueryKey,
  type UseMutationOptions,
  type UseMutationResult,
  type UseQueryOptions,
  type UseQueryResult,
  useQueryClient,
  useMutation as useTanstackMutation,
  useQuery as useTanstackQuery,
} from '@tanstack/react-query';
import type { AuraError } from '../error.ts';
import { pathOf, type State } from '../request.ts';

/** A query of the client. */
export interface Askable<Data> {
  readonly state: State;
  readonly signal: (signal: AbortSignal) => { orThrow(): Promise<Data> };
}

/** A write, or a call. */
export interface Doable<Data> {
  readonly state: State;
  readonly orThrow: () => Promise<Data>;
}

/**
 * `['aura', who asks, '/tasks', ...]`: what comes first invalidates everything below it. Clients are told apart by
 * what they are, not by their tokens, so that no token is in a key: keep a client that `as()` gave.
 */
export const queryKey = ({ state }: { readonly state: State }): QueryKey => [
  'aura',
  state.connection.scope,
  state.path,
  pathOf(state),
  {
    method: state.method,
    schema: state.schema,
    accept: state.accept,
    prefer: state.prefer,
    body: state.body ?? null,
  },
];

/** What TanStack Query needs to ask: for `prefetchQuery`, loaders and suspense. */
export const queryOptions = <Data>(query: Askable<Data>) => ({
  queryKey: queryKey(query),
  queryFn: ({ signal }: { readonly signal: AbortSignal }): Promise<Data> => query.signal(signal).orThrow(),
  // the client has tried again already
  retry: false as const,
});

export type QueryOptions<Data> = Omit<UseQueryOptions<Data, AuraError>, 'queryKey' | 'queryFn'>;

/**
 * Asks, and keeps what is answered.
 *
 * @example
 * const { data, error } = useQuery(aura.from('tasks').select('id, title').eq('status', 'todo'));
 */
export const useQuery = <Data>(
  query: Askable<Data>,
  options: QueryOptions<Data> = {},
): UseQueryResult<Data, AuraError> =>
  useTanstackQuery<Data, AuraError>({ ...queryOptions(query), ...options });

export interface MutationOptions<Data, Variables>
  extends Omit<UseMutationOptions<Data, AuraError, Variables>, 'mutationFn'> {
  /** Relations and functions whose queries are asked again afterwards, by name; the one written to unless said. */
  readonly invalidates?: readonly string[];
}

/**
 * Writes, and has the queries of what was written asked again.
 *
 * @example
 * const add = useMutation((title: string) => aura.from('tasks').insert({ project_id: 1, title }));
 * add.mutate('Write the launch post');
 */
export const useMutation = <Data, Variables = void>(
  make: (variables: Variables) => Doable<Data>,
  { invalidates, ...options }: MutationOptions<Data, Variables> = {},
): UseMutationResult<Data, AuraError, Variables> => {
  const client = useQueryClient();
  return useTanstackMutation<Data, AuraError, Variables>({
    ...options,
    mutationFn: async (variables) => {
      const write = make(variables);
      const data = await write.orThrow();
      const { connection, path } = write.state;
      const paths = invalidates?.flatMap((name) => [`/${name}`, `/rpc/${name}`]) ?? [path];
      await Promise.all(
        paths.map((one) => client.invalidateQueries({ queryKey: ['aura', connection.scope, one] })),
      );
      return data;
    },
  });
};
