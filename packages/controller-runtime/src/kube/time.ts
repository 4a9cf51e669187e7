/** `metav1.Time`: RFC 3339 with whole seconds. */
export function formatTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** `metav1.MicroTime`: RFC 3339 with six digits. */
export function formatMicroTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/Z$/, '000Z');
}
