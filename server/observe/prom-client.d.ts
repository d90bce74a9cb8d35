/** The default metrics one by one: the package has them in files of their own and declares only the whole. */
declare module 'prom-client/lib/metrics/*.js' {
  import type { Registry } from 'prom-client';

  const collect: (register: Registry, options: { readonly eventLoopMonitoringPrecision: number }) => void;
  export default collect;
}
