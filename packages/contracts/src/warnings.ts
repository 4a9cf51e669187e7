import { type Static, Type } from 'typebox';

/**
 * What an answer says beside its rows. `binary_text_comparison`: texts were compared byte by byte where MySQL would ignore
 * case. `text_read_as_number`, `text_read_as_date`, `value_out_of_range`: MySQL's value stands for one that is none.
 * `too_many_partitions`: the source has so many partitions that its files stay small. `answered_without_node`: a node did not
 * answer, and its newest rows may be missing, as `bounded(ms)` allows.
 */
export const warningCodes = [
  'binary_text_comparison',
  'text_read_as_number',
  'text_read_as_date',
  'value_out_of_range',
  'too_many_partitions',
  'answered_without_node',
] as const;
export type WarningCode = (typeof warningCodes)[number];

export const warningsMax = 16;
export const warningCharactersMax = 1_000;

export const Warning = Type.Object(
  { code: Type.Enum([...warningCodes]), message: Type.String({ maxLength: warningCharactersMax }) },
  { $id: 'Warning', additionalProperties: false },
);
export type Warning = Static<typeof Warning>;

export const Warnings = Type.Array(Warning, {
  maxItems: warningsMax,
  description:
    'what the answer does not show by itself, such as values that were read leniently; empty when there is nothing',
});
