// `make sbom`: writes what the production image installs to sbom.cdx.json. Reads an installation, because from the lock
// file npm leaves out every package that is also a development dependency of some workspace.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'pressferry-sbom-'));
try {
  execFileSync(process.execPath, [join(import.meta.dirname, 'select.ts'), folder]);
  // npm names the bill after the folder.
  renameSync(join(folder, 'manifests'), join(folder, 'pressferry'));
  const npm = (...args: string[]) =>
    execFileSync('npm', args, { cwd: join(folder, 'pressferry'), encoding: 'utf8', maxBuffer: 1 << 26 });
  npm('ci', '--omit=dev', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund');
  writeFileSync('sbom.cdx.json', npm('sbom', '--omit=dev', '--omit=optional', '--sbom-format=cyclonedx'));
} finally {
  rmSync(folder, { recursive: true });
}
