import { done, type ReconcileResult } from '../controller/reconcile-result.ts';

/**
 * A pass over an object as a list of named steps, with one place that writes the status:
 *
 *   step → step → … ── all went on ──→ report → steps that wait until the status is written → result
 *            └─ one ends the pass, or fails ──→ report → its result, or its error
 *
 * All steps share one value: each reads what those before it have found out, and adds what it found out itself. A list in
 * which a step stands before what it needs does not compile. A step that fails is reported wherever it stands.
 *
 * Source of the shape: fluxcd/source-controller, internal/controller/gitrepository_controller.go (sub-reconcilers in order,
 * a closed set of results, a summary at the end). Deliberately left out: steps that run beside each other.
 */
export type StepResult<Found extends object = object> = Proceed<Found> | Refused | ReconcileResult;

/** The next step has its turn, and knows what this one has found out. */
export type Proceed<Found extends object = object> = { readonly kind: 'proceed'; readonly found: Found };

/** Nothing may be made from the object as it is: only a change of it brings its key back. */
export type Refused = { readonly kind: 'refused'; readonly reason: string; readonly message: string };

export type Step<Known, Found extends object = object> = (
  pass: Known,
) => StepResult<Found> | Promise<StepResult<Found>>;

/** How the steps before the report came out. */
export type Ending<Known> =
  | { readonly kind: 'complete'; readonly known: Known }
  | { readonly kind: 'failed'; readonly error: unknown }
  | Refused
  | ReconcileResult;

/** Computes and writes the status, once a pass. It knows what was found out until the ending. */
export type ReportStep<Start, Known> = (pass: Start & Partial<Known>, ending: Ending<Known>) => Promise<void>;

const nothingFound: Proceed = Object.freeze({ kind: 'proceed', found: Object.freeze({}) });

export function proceed(): Proceed;
export function proceed<Found extends object>(found: Found): Proceed<Found>;
export function proceed(found?: object): Proceed {
  return found === undefined ? nothingFound : { kind: 'proceed', found };
}

/** `reason` in UpperCamelCase: it goes to conditions and Events. */
export function refuse(reason: string, message: string): Refused {
  return { kind: 'refused', reason, message };
}

/** What is known differs from step to step; `add` has checked that each finds what it reads. */
type AnyStep = (pass: never) => StepResult | Promise<StepResult>;

/** The steps before the report. `Start` is what a pass begins with, `Known` what it knows after the last step. */
export class Steps<Start extends object, Known extends Start = Start> {
  readonly #steps: readonly AnyStep[];

  constructor(steps: readonly AnyStep[] = []) {
    this.#steps = steps;
  }

  add<Found extends object>(step: Step<Known, Found>): Steps<Start, Known & Found> {
    return new Steps<Start, Known & Found>([...this.#steps, step]);
  }

  report(report: ReportStep<Start, Known>): ReportedSteps<Start, Known> {
    return new ReportedSteps({ before: this.#steps, report, after: [] });
  }
}

type Parts<Start, Reported> = {
  readonly before: readonly AnyStep[];
  readonly report: ReportStep<Start, Reported>;
  readonly after: readonly AnyStep[];
};

/** A whole pass, to which steps may still be added that wait until the status is written. */
export class ReportedSteps<Start extends object, Reported extends Start, Known extends Reported = Reported> {
  readonly #parts: Parts<Start, Reported>;

  constructor(parts: Parts<Start, Reported>) {
    this.#parts = parts;
  }

  add<Found extends object>(step: Step<Known, Found>): ReportedSteps<Start, Reported, Known & Found> {
    return new ReportedSteps({ ...this.#parts, after: [...this.#parts.after, step] });
  }

  /** `start` is filled in by the steps: each pass begins with a value of its own. */
  async run(start: Start): Promise<ReconcileResult> {
    const { before, report, after } = this.#parts;
    const ending = await tryAll<Reported>(before, start);
    if (ending.kind !== 'complete') {
      await report(start, ending);
      if (ending.kind === 'failed') throw ending.error;
      return toResult(ending);
    }
    try {
      await report(start, ending);
      return toResult(await runAll<Reported>(after, start));
    } catch (error) {
      await report(start, { kind: 'failed', error });
      throw error;
    }
  }
}

async function tryAll<Known>(steps: readonly AnyStep[], pass: object): Promise<Ending<Known>> {
  try {
    return await runAll<Known>(steps, pass);
  } catch (error) {
    return { kind: 'failed', error };
  }
}

async function runAll<Known>(
  steps: readonly AnyStep[],
  pass: object,
): Promise<Exclude<Ending<Known>, { kind: 'failed' }>> {
  for (const step of steps) {
    const pending = step(pass as never); // it holds what the step reads: see `AnyStep`
    // A turn of the event loop for each step that only looks would cost a quarter of a pass that changes nothing.
    const result = pending instanceof Promise ? await pending : pending;
    if (result.kind !== 'proceed') return result;
    Object.assign(pass, result.found);
  }
  return { kind: 'complete', known: pass as Known }; // all steps have added what they found
}

function toResult(ending: Exclude<Ending<unknown>, { kind: 'failed' }>): ReconcileResult {
  return ending.kind === 'complete' || ending.kind === 'refused' ? done() : ending;
}
