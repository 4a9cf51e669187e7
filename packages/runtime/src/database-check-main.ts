import { checkServedDatabase, type ServedDatabase } from './served-database.ts';
import { serveThread } from './threads/serve-thread.ts';

serveThread((task: ServedDatabase) => checkServedDatabase(task));
