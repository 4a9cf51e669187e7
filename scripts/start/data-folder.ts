import { ofGroupAndOthers, type Tightened, tightenFolder } from '@hybridstore/runtime';

/** Makes all of a data folder this user's alone: what an earlier version made, or a copy that was put back, may not be. */
export function tightenDataFolder(folder: string): Tightened {
  return tightenFolder(folder, { rights: ofGroupAndOthers });
}

/** One line for people; none when there was nothing to do. */
export function describeTightened({ changed, left, isWhole }: Tightened): string {
  const parts = [
    ...(changed > 0 ? [`${changed} files and folders in it were open to other users and are closed now`] : []),
    ...(left > 0 ? [`${left} stay open (another owner, or a hard link from elsewhere)`] : []),
    ...(isWhole ? [] : ['the rest was not looked at: the folder itself is closed']),
  ];
  return parts.length === 0 ? '' : `  ! ${parts.join('; ')}\n`;
}
