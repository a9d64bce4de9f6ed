// Metrics in Prometheus' text form. A metric is declared beside the code that moves it; labels come
// from closed lists only, never from peers' or users' bytes, so the number of series is bounded.

export type Labels = Readonly<Record<string, string>>;

const NAME = /^pando_[a-z][a-z0-9_]*$/;
/** Series of one metric: beyond it a new label value counts as "other". */
const SERIES_MAX = 512;
const SECONDS: readonly number[] = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10];

/** What must be escaped in a label's value. */
const UNSAFE = /[\\"\n]/;

function safeText(value: string): string {
  if (!UNSAFE.test(value)) return value;
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function labelText(labels: Labels): string {
  let text = "";
  for (const name in labels) {
    text += `${text === "" ? "{" : ","}${name}="${safeText(labels[name]!)}"`;
  }
  return text === "" ? "" : `${text}}`;
}

interface Series {
  readonly labels: Labels;
  value: number;
}

abstract class Metric {
  readonly name: string;
  readonly about: string;
  abstract readonly type: "counter" | "gauge" | "histogram";

  constructor(name: string, about: string) {
    if (!NAME.test(name)) throw new TypeError(`not a metric's name: ${name}`);
    this.name = name;
    this.about = about;
  }

  abstract lines(): string[];

  text(): string {
    const head = `# HELP ${this.name} ${this.about}\n# TYPE ${this.name} ${this.type}\n`;
    const lines = this.lines();
    return lines.length === 0 ? "" : `${head}${lines.join("\n")}\n`;
  }
}

export class Counter extends Metric {
  readonly type = "counter" as const;
  readonly #series = new Map<string, Series>();

  add(by = 1, labels: Labels = {}): void {
    this.series(labels).value += by;
  }

  /** One series of it, for who adds to it often. */
  series(labels: Labels): { value: number } {
    let key = labelText(labels);
    let kept = labels;
    if (!this.#series.has(key) && this.#series.size >= SERIES_MAX) {
      kept = Object.fromEntries(Object.keys(labels).map((name) => [name, "other"]));
      key = labelText(kept);
    }
    const series = this.#series.get(key) ?? { labels: kept, value: 0 };
    this.#series.set(key, series);
    return series;
  }

  lines(): string[] {
    return [...this.#series].map(([key, { value }]) => `${this.name}${key} ${value}`);
  }
}

/** A value that is read when it is asked for. */
export class Gauge extends Metric {
  readonly type: "counter" | "gauge";
  readonly #read: () => number | readonly (readonly [Labels, number])[];

  constructor(
    name: string,
    about: string,
    read: () => number | readonly (readonly [Labels, number])[],
    type: "counter" | "gauge" = "gauge",
  ) {
    super(name, about);
    this.type = type;
    this.#read = read;
  }

  lines(): string[] {
    const value = this.#read();
    if (typeof value === "number") return [`${this.name} ${value}`];
    return value.map(([labels, one]) => `${this.name}${labelText(labels)} ${one}`);
  }
}

interface Distribution {
  readonly labels: Labels;
  readonly counts: number[];
  sum: number;
  count: number;
}

/** Seconds in buckets. */
export class Histogram extends Metric {
  readonly type = "histogram" as const;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Distribution>();

  constructor(name: string, about: string, bounds: readonly number[] = SECONDS) {
    super(name, about);
    this.#bounds = bounds;
  }

  observe(value: number, labels: Labels = {}): void {
    const key = labelText(labels);
    if (!this.#series.has(key) && this.#series.size >= SERIES_MAX) return;
    const series = this.#series.get(key) ?? {
      labels,
      counts: this.#bounds.map(() => 0),
      sum: 0,
      count: 0,
    };
    for (let index = this.#bounds.length - 1; index >= 0; index--) {
      if (value > this.#bounds[index]!) break;
      series.counts[index]!++;
    }
    series.sum += value;
    series.count++;
    this.#series.set(key, series);
  }

  lines(): string[] {
    return [...this.#series.values()].flatMap(({ labels, counts, sum, count }) => [
      ...this.#bounds.map((bound, index) => {
        const place = labelText({ ...labels, le: String(bound) });
        return `${this.name}_bucket${place} ${counts[index]!}`;
      }),
      `${this.name}_bucket${labelText({ ...labels, le: "+Inf" })} ${count}`,
      `${this.name}_sum${labelText(labels)} ${sum}`,
      `${this.name}_count${labelText(labels)} ${count}`,
    ]);
  }
}

/** All metrics of a process. */
export class Metrics {
  readonly #metrics = new Map<string, Metric>();

  #add<M extends Metric>(metric: M): M {
    if (this.#metrics.has(metric.name)) throw new TypeError(`${metric.name} is declared twice`);
    this.#metrics.set(metric.name, metric);
    return metric;
  }

  counter(name: string, about: string): Counter {
    if (!name.endsWith("_total")) throw new TypeError(`a counter ends in _total: ${name}`);
    return this.#add(new Counter(name, about));
  }

  gauge(
    name: string,
    about: string,
    read: () => number | readonly (readonly [Labels, number])[],
  ): void {
    this.#add(new Gauge(name, about, read));
  }

  /** A counter that somebody else counts. */
  counted(
    name: string,
    about: string,
    read: () => number | readonly (readonly [Labels, number])[],
  ): void {
    if (!name.endsWith("_total")) throw new TypeError(`a counter ends in _total: ${name}`);
    this.#add(new Gauge(name, about, read, "counter"));
  }

  histogram(name: string, about: string, bounds?: readonly number[]): Histogram {
    return this.#add(new Histogram(name, about, bounds));
  }

  names(): string[] {
    return [...this.#metrics.keys()].sort();
  }

  /** The text that Prometheus reads. */
  text(): string {
    return this.names()
      .map((name) => this.#metrics.get(name)!.text())
      .join("");
  }
}
