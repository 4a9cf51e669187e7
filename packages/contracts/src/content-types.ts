export const ndjsonType = 'application/x-ndjson';
export const arrowStreamType = 'application/vnd.apache.arrow.stream';
