import { randomBytes, randomUUID } from 'node:crypto';
import type { RandomSource } from './domain/ports.ts';

export const systemRandom: RandomSource = { bytes: (count) => randomBytes(count), uuid: () => randomUUID() };
