export type { SourceCheck, SourceProblem } from '../ports.ts';
export type { ObjectStore } from '../store/ports.ts';
export { type InspectedFile, inspectLog, type LogInspection } from '../wal/inspect-log.ts';
export { type LogRepair, planLogRepair, repairLog } from '../wal/repair-log.ts';
export { checkListedSource, checkMembers, listSources, type ObjectsCheck, openVolume } from './check-volume.ts';
export { giveUpFiles, type RepairContext, setAside } from './repair-table.ts';
