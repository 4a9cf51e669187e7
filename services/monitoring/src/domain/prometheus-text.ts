import { type Figures, statusClasses } from './figures.ts';

const requestsName = 'hybridstore_http_request_duration_seconds_count';
const cpuName = 'process_cpu_seconds_total';
const memoryName = 'process_resident_memory_bytes';

/**
 * The figures of one process out of its /metrics, in the Prometheus text format 0.0.4. Lines of other metrics are passed
 * over without a look at their labels; a value that is no finite number counts as absent.
 */
export function readFigures(text: string): Figures {
  const requests = { '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 };
  let cpuSeconds = 0;
  let residentBytes = 0;
  for (const line of text.split('\n')) {
    if (line.startsWith(requestsName)) {
      const status = statusClasses.find((one) => one[0] === /[{,]status="(\d)/.exec(line)?.[1]);
      if (status) requests[status] += readValue(line);
    } else if (line.startsWith(cpuName)) cpuSeconds += readValue(line);
    else if (line.startsWith(memoryName)) residentBytes += readValue(line);
  }
  return { requests, cpuSeconds, residentBytes };
}

/** The value behind the name and labels; a time may follow it. */
function readValue(line: string): number {
  const end = line.lastIndexOf('}');
  const [value] = line
    .slice(end < 0 ? line.indexOf(' ') : end + 1)
    .trim()
    .split(' ');
  const number = Number(value);
  return value === '' || !Number.isFinite(number) ? 0 : number;
}
