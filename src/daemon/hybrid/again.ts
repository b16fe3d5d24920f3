/**
 * The same mount by engine=hybrid once more, where it stands. containers/storage holds a mount program's directory for
 * mounted only where statfs(2) says FUSE, which no kernel overlay does: whatever it needs twice it has mounted twice,
 * and unmounts twice. As with kernel overlayfs by mount(8), it gets a further mount of the one filesystem, on top.
 */
import { StratafsError } from '../../base/failure.js'
import { native } from '../../syscalls/native.js'
import type { UnionConfig } from '../../union/context/config.js'
import { checkPlan } from '../mount/checks.js'
import { mountedOn, readMounts } from '../mount/mountinfo.js'
import { listMounts } from '../mount/run-directory.js'
import type { MountPlan } from '../options/mount-settings.js'
import { attachMount } from './overlay.js'

/** The mountpoint, on which there is one mount more of the overlay that was asked for again; null: it was another. */
export function mountAgain(plan: MountPlan): string | null {
  if (plan.mayStand !== true) return null
  const checked = checkPlan(plan)
  if (checked instanceof StratafsError) return null
  const { mountpoint, config } = checked
  const top = mountedOn(mountpoint, readMounts())
  const isIt = listMounts().some(
    ({ state }) =>
      state.hybrid === true &&
      state.mountpoint === mountpoint &&
      state.device === top?.device &&
      layersOf(state.config) === layersOf(config),
  )
  const clone = isIt && top?.root === '/' ? native.cloneMount(mountpoint, 0) : -1
  return clone >= 0 && attachMount(clone, mountpoint) >= 0 ? mountpoint : null
}

function layersOf({ lowers, dataLowers = [], upper, work }: UnionConfig): string {
  return [...lowers, '', ...dataLowers, '', upper, work].join('\0')
}
