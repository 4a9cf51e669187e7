import { createServer, type Server } from 'node:net';
import { HybridStoreError } from '@hybridstore/runtime';

const firstNetwork = 64;
const lastNetwork = 127;
const lockPort = 40_001;
const addressesMax = 65_000;

/** The loopback network of one platform: 127.A.0.0/16. Nobody else on this machine has the same A while the lock port is bound. */
export class LoopbackNetwork {
  readonly #lock: Server;
  readonly #prefix: string;
  readonly #taken = new Set<string>();
  #next = 2;

  private constructor(lock: Server, network: number) {
    this.#lock = lock;
    this.#prefix = `127.${network}`;
  }

  static async claim(): Promise<LoopbackNetwork> {
    const span = lastNetwork - firstNetwork + 1;
    for (let tried = 0; tried < span; tried += 1) {
      // Beginning at a place of its own makes two platforms that start together rarely meet.
      const network = firstNetwork + ((process.pid + tried) % span);
      const lock = await tryToListen(`127.${network}.0.1`);
      if (lock) return new LoopbackNetwork(lock, network);
    }
    throw new HybridStoreError(
      'unavailable',
      `all ${span} loopback networks 127.${firstNetwork}.0.0/16 to 127.${lastNetwork}.0.0/16 are in use`,
      { retry_after_ms: 1_000 },
    );
  }

  /** Address of this platform's own servers. */
  get host(): string {
    return `${this.#prefix}.0.1`;
  }

  take(): string {
    for (let tried = 0; tried < addressesMax; tried += 1) {
      const address = `${this.#prefix}.${Math.floor(this.#next / 250)}.${(this.#next % 250) + 1}`;
      this.#next = this.#next + 1 >= addressesMax ? 2 : this.#next + 1;
      if (this.#taken.has(address)) continue;
      this.#taken.add(address);
      return address;
    }
    throw new HybridStoreError('overloaded', `all ${addressesMax} pod addresses are taken`, { retry_after_ms: 1_000 });
  }

  giveBack(address: string): void {
    this.#taken.delete(address);
  }

  close(): void {
    this.#lock.close();
  }
}

function tryToListen(host: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(lockPort, host, () => {
      server.unref();
      resolve(server);
    });
  });
}
