import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import { readFileSync, statSync } from 'node:fs';
import { isIP, type LookupFunction } from 'node:net';

const checkMs = 250;

const clusterSuffix = '.svc';

/**
 * Names of the embedded platform: a JSON file `{name: [address, …]}` that stands in for cluster DNS. A name in the
 * file is answered from it, in turn when there are several addresses; another name of a cluster does not exist, and every
 * other one goes to the system's resolver.
 */
export class HostsFile {
  readonly #path: string;
  #hosts: ReadonlyMap<string, readonly string[]> = new Map();
  #stamp = '';
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #turn = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Addresses of a name, or undefined when the file does not know it. */
  addresses(name: string): readonly string[] | undefined {
    this.#refresh();
    return this.#hosts.get(name);
  }

  readonly lookup: LookupFunction = (hostname, options, callback) => {
    const addresses = this.addresses(hostname);
    if (addresses === undefined) {
      if (hostname.endsWith(clusterSuffix)) {
        callback(Object.assign(new Error(`${hostname} does not exist`), { code: 'ENOTFOUND' }), '', 4);
        return;
      }
      // The two types of Node for one and the same function differ in their overloads only.
      systemLookup(
        hostname,
        options as LookupOptions,
        callback as (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void,
      );
      return;
    }
    // As a Service of a cluster does: its name resolves, and its address refuses.
    if (addresses.length === 0) {
      callback(Object.assign(new Error(`no ready endpoint of ${hostname}`), { code: 'ECONNREFUSED' }), '', 4);
      return;
    }
    this.#turn += 1;
    const turned = addresses.map((_, index) => addresses[(index + this.#turn) % addresses.length] ?? '');
    if (options.all)
      callback(
        null,
        turned.map((address) => ({ address, family: isIP(address) })),
      );
    else callback(null, turned[0] ?? '', isIP(turned[0] ?? ''));
  };

  #refresh(): void {
    const nowMs = performance.now();
    if (nowMs - this.#checkedAtMs < checkMs) return;
    this.#checkedAtMs = nowMs;
    const stat = statSync(this.#path, { throwIfNoEntry: false });
    if (!stat) return;
    const stamp = `${stat.mtimeMs}/${stat.size}/${stat.ino}`;
    if (stamp === this.#stamp) return;
    // The writer replaces the file by rename, so what is read here is always whole.
    try {
      // By this platform's own writer, as the name of the variable promises.
      const parsed = JSON.parse(readFileSync(this.#path, 'utf8')) as Record<string, string[]>;
      this.#hosts = new Map(Object.entries(parsed));
      this.#stamp = stamp;
    } catch {
      // Gone between the two calls, or not by this platform's writer: the names known so far stay, the next look-up reads again.
    }
  }
}
