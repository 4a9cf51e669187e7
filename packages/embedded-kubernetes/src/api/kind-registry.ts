import type { CustomResourceDefinition } from '@hybridstore/controller-runtime';
import { kubeError, parseApiVersion, type Resource } from '@hybridstore/controller-runtime';
import { buildBuiltInKinds } from './built-in-kinds.ts';
import { buildCustomKinds } from './custom-kinds.ts';
import { collectionOf, type Kind } from './kind.ts';

/** The kinds that are served now: the built-in ones, and those of the CRDs that are stored. */
export class KindRegistry {
  readonly #kinds = new Map<string, Kind>();
  readonly #customOf = new Map<string, readonly string[]>();

  constructor() {
    for (const kind of buildBuiltInKinds()) this.#kinds.set(collectionOf(kind.resource), kind);
  }

  all(): readonly Kind[] {
    return [...this.#kinds.values()];
  }

  /** Throws `not_found` for kinds that are not served. */
  find(resource: Pick<Resource, 'apiVersion' | 'plural'>): Kind {
    const kind = this.#kinds.get(collectionOf(resource));
    if (kind !== undefined) return kind;
    throw kubeError({
      reason: 'NotFound',
      message: 'the server could not find the requested resource',
      target: targetOf(resource),
    });
  }

  findByKind(apiVersion: string, kindName: string): Kind | undefined {
    return this.all().find((kind) => kind.resource.apiVersion === apiVersion && kind.resource.kind === kindName);
  }

  /** Compiles and serves what a definition declares. Throws `invalid_request` and changes nothing when it does not compile. */
  register(definition: CustomResourceDefinition): void {
    const kinds = buildCustomKinds(definition);
    this.unregister(definition.metadata.name ?? '');
    for (const kind of kinds) this.#kinds.set(collectionOf(kind.resource), kind);
    this.#customOf.set(
      definition.metadata.name ?? '',
      kinds.map((kind) => collectionOf(kind.resource)),
    );
  }

  /** The collections that were served by the definition. */
  unregister(definitionName: string): readonly string[] {
    const collections = this.#customOf.get(definitionName) ?? [];
    for (const collection of collections) this.#kinds.delete(collection);
    this.#customOf.delete(definitionName);
    return collections;
  }
}

function targetOf(resource: Pick<Resource, 'apiVersion' | 'plural'>) {
  const { group } = parseApiVersion(resource.apiVersion);
  return { kind: resource.plural, ...(group === '' ? {} : { group }) };
}
