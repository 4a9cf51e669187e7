import { type Static, Type } from 'typebox';

/** In the data folder of a platform that runs on this machine. It appears whole, and only when everything in it answers. */
export const platformAddressesFile = 'endpoints.json';

/** Where a platform that runs on this machine is: written by `npm start`, read by the command line, scripts and tests. */
export const PlatformAddresses = Type.Object(
  {
    gateway: Type.String(),
    services: Type.Record(Type.String(), Type.String()),
    tenants: Type.Record(
      Type.String(),
      Type.Object({ url: Type.String(), nodes: Type.Array(Type.String()) }, { additionalProperties: false }),
    ),
    /** Paths of files. */
    kubeconfig: Type.String(),
    admin_credentials: Type.String(),
  },
  { $id: 'PlatformAddresses', additionalProperties: false },
);
export type PlatformAddresses = Static<typeof PlatformAddresses>;
