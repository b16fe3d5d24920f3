/**
 * podman for tests: with storage and configuration in a folder of its own, and in a mount namespace that has neither
 * the cgroup2 part of a hybrid hierarchy, which podman takes for the whole, nor copies of other tests' mounts, which
 * would keep their daemons from ending.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const CONTAINERS =
  '[containers]\ndefault_ulimits = ["nofile=20000:20000","nproc=30000:30000"]\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'

/** Runs `script` by the shell in `folder`, where `driver` stores what podman makes. */
export function podman(
  folder: string,
  driver: 'overlay' | 'vfs',
  script: string,
  milliseconds?: number,
): SpawnSyncReturns<string> {
  const at = (name: string) => join(folder, name)
  writeFileSync(at('containers.conf'), CONTAINERS)
  const storage = `[storage]\ndriver = "${driver}"\ngraphroot = "${folder}/graph"\nrunroot = "${folder}/pod"\n`
  writeFileSync(at('storage.conf'), storage)
  const env = {
    ...process.env,
    CONTAINERS_CONF: at('containers.conf'),
    CONTAINERS_STORAGE_CONF: at('storage.conf'),
  }
  const alone = 'umount -a -l -t fuse.stratafs || true; umount /sys/fs/cgroup/unified 2>/dev/null || true'
  const words = ['-m', '--propagation', 'private', 'sh', '-ec', `${alone}; ${script}`]
  return spawnSync('unshare', words, { cwd: folder, env, encoding: 'utf8', timeout: milliseconds })
}
