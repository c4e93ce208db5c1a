import { renameSync, unlinkSync } from 'node:fs';
import { faultPoint, inFolder, writeNewFile } from '@quantbot/infra/files';
import type { SettleOrder } from './orders.js';

/**
 * Gives committed jobs their receipts and renames their folders to where they stay; whether it could. Where anything is not as it mostly is
 * (a receipt that a crash has left, an older outcome of the same job), the caller looks closer: settling can begin again from any point.
 */
export const settleFolders = (orders: readonly SettleOrder[]): boolean[] => orders.map(settleFolder);

function settleFolder({ folder, target, receiptName, receipt, names }: SettleOrder): boolean {
  try {
    // Under its own name: nobody looks for a receipt here before the folder has been renamed.
    writeNewFile(inFolder(folder, receiptName), receipt);
    faultPoint('settle:receipt-written');
    for (const name of names) unlinkSync(inFolder(folder, name));
    renameSync(folder, target);
    return true;
  } catch {
    return false;
  }
}
