/** What a plan may fail with, in words that are shown. */
export const planErrors = {
  divisionByZero: 'division by zero',
  outOfRange: 'a value is out of range',
  negativeLength: 'a length is negative',
  notAnArray: 'a JSON value is no array',
  notAnObject: 'a JSON value is no object',
  notWhole: 'a text is no whole number',
  jsonTooDeep: 'a JSON value holds more arrays and objects than json_contains takes',
  arraysTooDeep: 'json_contains looks into arrays of three levels, and a value holds more',
  notText: 'bytes are no text',
} as const;
