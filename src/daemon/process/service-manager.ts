/**
 * What a service manager is told, as sd_notify(3) words it: the mount is up, it is going away. Only a mount in the
 * foreground speaks, because only then is this process the one that the manager started. A daemon that podman sends to
 * the background finds podman's own NOTIFY_SOCKET in its environment, and must not answer for it.
 */
import { shown } from '../../base/text.js'
import { native } from '../../syscalls/native.js'

export class ServiceManager {
  readonly #socket: string | null

  /** Takes the manager's address out of `environment`, so that no child answers in our place. */
  constructor(environment: NodeJS.ProcessEnv) {
    const named = environment.NOTIFY_SOCKET ?? ''
    this.#socket = /^[/@]./.test(named) ? Buffer.from(named).toString('latin1') : null
    delete environment.NOTIFY_SOCKET
  }

  /** The mount on `mountpoint` (latin1) answers. */
  ready(mountpoint: string): void {
    this.#tell(['READY=1', `STATUS=serving ${shown(mountpoint)}`])
  }

  /** It was asked to end. */
  stopping(): void {
    this.#tell(['STOPPING=1', 'STATUS=unmounting'])
  }

  /** Errors are ignored: a manager that does not listen does not want to know. */
  #tell(lines: readonly string[]): void {
    if (this.#socket !== null) native.notify(this.#socket, Buffer.from(lines.join('\n')).toString('latin1'))
  }
}
