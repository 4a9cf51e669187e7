export const statusClasses = ['2xx', '3xx', '4xx', '5xx'] as const;
export type StatusClass = (typeof statusClasses)[number];

/** What one process says of itself; counters begin at 0 when it starts. */
export type Figures = {
  readonly requests: Readonly<Record<StatusClass, number>>;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
};
