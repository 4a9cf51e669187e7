/** The smallest service: says who it is, keeps a file per volume, counts its requests for Prometheus. */
import { readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const pod = process.env.POD_NAME ?? 'unknown';
let requests = 0;

for (const folder of ['/local', '/shared']) writeFileSync(`${folder}/${pod}`, `uid ${process.getuid?.()}\n`);

const server = createServer((request, response) => {
  requests += 1;
  if (request.url === '/metrics') response.end(`smoke_requests_total ${requests}\n`);
  else if (request.url === '/shared') response.end(JSON.stringify(readdirSync('/shared').sort()));
  else response.end(pod);
});
server.listen(8080, () => console.log(`${pod} listens`));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
