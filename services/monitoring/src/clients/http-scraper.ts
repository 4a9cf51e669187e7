import type { MonitoringTarget } from '@hybridstore/contracts';
import { createAgent, readAll } from '@hybridstore/http';
import { retryLater } from '@hybridstore/runtime';
import type { Figures } from '../domain/figures.ts';
import type { Scraper } from '../domain/ports.ts';
import { readFigures } from '../domain/prometheus-text.ts';

const answerMsMax = 2_000;
const answerBytesMax = 4 * 1024 * 1024;

/** Reads the few figures of a process that the platform's summary is made of. */
export class HttpScraper implements Scraper {
  readonly #agent;

  constructor(hostsFile: string | undefined) {
    this.#agent = createAgent({ hostsFile });
  }

  async scrape(target: MonitoringTarget): Promise<Figures> {
    const answer = await this.#agent.request({
      origin: target.metrics_url ?? target.url,
      path: '/metrics',
      method: 'GET',
      signal: AbortSignal.timeout(answerMsMax),
    });
    const text = (await readAll(answer.body, answerBytesMax)).toString('utf8');
    if (answer.statusCode !== 200)
      throw retryLater('unavailable', `${target.instance} answered ${answer.statusCode}`, 1_000);
    return readFigures(text);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}
