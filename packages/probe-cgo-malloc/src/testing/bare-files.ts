/**
 * Programs and libraries as some packers leave them: without section headers. What a reader would
 * get wrong: they run as before, because a loader reads segments alone.
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';

/** Writes an executable copy whose e_shoff, e_shnum and e_shstrndx (ELF header) are zero. */
export function copyWithoutSections(from: string, to: string): void {
  const bytes = readFileSync(from);
  bytes.writeBigUInt64LE(0n, 40);
  bytes.writeUInt16LE(0, 60);
  bytes.writeUInt16LE(0, 62);
  writeFileSync(to, bytes);
  chmodSync(to, 0o755);
}
