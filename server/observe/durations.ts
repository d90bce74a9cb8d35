/**
 * A histogram that counts without looking anything up: prom-client's own makes a key of the labels and a text of each
 * bound at every observation, which takes longer than to look for a token and a plan. It prints itself through
 * prom-client's registry like every other metric.
 */
import type { Histogram, MetricValueWithName, Registry } from 'prom-client';

type Labels = Readonly<Record<string, string>>;

/** What was counted under the same labels. */
export class Series {
  readonly labels: Labels;
  readonly #bounds: readonly number[];
  /** By the bound that they are not above; the last one counts those above all. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let at = 0;
    while (at < this.#bounds.length && value > (this.#bounds[at] ?? 0)) at += 1;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += value;
  }
}

/** The histogram of one name. */
export class Durations {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly #bounds: readonly number[];
  readonly #series: Series[] = [];

  /** `bounds` are seconds, in ascending order. */
  constructor(register: Registry, name: string, help: string, bounds: readonly number[]) {
    this.name = name;
    this.help = help;
    this.#bounds = bounds;
    // what the registry asks of a metric is its name and `get`
    register.registerMetric(this as unknown as Histogram);
  }

  /** A series for labels that have none yet; whoever counts keeps it. */
  series(labels: Labels): Series {
    const series = new Series(labels, this.#bounds);
    this.#series.push(series);
    return series;
  }

  /** The values in the format of prom-client's registry: counts are cumulative. */
  async get(): Promise<object> {
    const values: MetricValueWithName<string>[] = [];
    for (const { labels, counts, sum } of this.#series) {
      let count = 0;
      for (const [at, bound] of [...this.#bounds, '+Inf'].entries()) {
        count += counts[at] ?? 0;
        values.push({ metricName: `${this.name}_bucket`, labels: { le: bound, ...labels }, value: count });
      }
      values.push({ metricName: `${this.name}_sum`, labels, value: sum });
      values.push({ metricName: `${this.name}_count`, labels, value: count });
    }
    const { name, help, type, aggregator } = this;
    return { name, help, type, aggregator, values };
  }
}
