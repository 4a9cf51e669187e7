import { functionOfDialect, nearestName, planFunctions } from '@hybridstore/plan';
import type { BindSite } from '../bind/bind-site.ts';
import type { Typed } from '../bind/types.ts';
import { signatureOf } from '../syntax/function-signatures.ts';
import { type CallSite, openCall, requirePlain } from './call-site.ts';
import { bindKnown } from './known-functions.ts';
import { translators } from './translators.ts';

/** Any function call: dialect's own meaning first, then the table of allowed functions, else refused by name. */
export function bindCall(site: BindSite): Typed {
  const at = openCall(site);
  const { call } = at;
  requireSupported(at);
  requireTaken(at);
  const translator = translators(site.context.dialect, call.name);
  if (translator) {
    requirePlain(at, translator.isAggregate);
    const value = translator.translate(at);
    at.finish();
    return value;
  }
  const known = functionOfDialect(call.name, site.context.dialect);
  if (!known || known.name === 'error') throw unknownFunction(at);
  return bindKnown(known, at);
}

/** `supported_functions` narrows the list of allowed functions. */
function requireSupported(at: CallSite): void {
  const supported = at.site.context.options.supportedFunctions;
  if (supported && !supported.has(at.call.name))
    throw at.refuse(`function ${at.call.name} is not among the supported functions of this installation`, {
      expected: [...supported].slice(0, 50),
    });
}

/** Known, and refused in every call: with what to write instead. */
function requireTaken(at: CallSite): void {
  const refused = signatureOf(at.call.name, at.site.context.dialect)?.refused;
  if (refused !== undefined)
    throw at.refuse(`function ${at.call.name} is not supported in this dialect: ${refused}`, { expected: refused });
}

function unknownFunction(at: CallSite): Error {
  const names = planFunctions.flatMap((known) => [known.name, ...(known.aliases[at.site.context.dialect] ?? [])]);
  const nearest = nearestName(at.call.name, names);
  return at.refuse(
    `function ${at.call.name.slice(0, 100)} does not exist or is not allowed${nearest === undefined ? '' : `, did you mean ${nearest}?`}`,
    {
      ...(nearest === undefined ? {} : { nearest }),
    },
  );
}
