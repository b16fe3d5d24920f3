/** Stands for the device until there is one: an engine is built before anything is mounted. */
import { Errno } from '../../base/errno.js'
import { type DataBinding, unbound } from '../../operations/contract.js'

export class LateBinding implements DataBinding {
  device: DataBinding | null = null

  get wakeFd(): number {
    return this.device?.wakeFd ?? -1
  }

  bind(nodeid: number, fd: number, writable: boolean): void {
    this.device?.bind(nodeid, fd, writable)
  }

  unbind(nodeid: number): void {
    this.device?.unbind(nodeid)
  }

  used(nodeid: number): boolean {
    return this.device?.used(nodeid) ?? false
  }

  openBacking(fd: number): number {
    return this.device?.openBacking(fd) ?? -Errno.ENODEV
  }

  closeBacking(id: number): void {
    this.device?.closeBacking(id)
  }

  forgetAttributes(nodeid: number): void {
    this.device?.forgetAttributes(nodeid)
  }

  storeContent(nodeid: number, fd: number, size: number): void {
    this.device?.storeContent(nodeid, fd, size)
  }

  readAhead(dirFd: number, name: string): void {
    this.device?.readAhead(dirFd, name)
  }

  changed(nodeid: number): boolean {
    return this.device?.changed(nodeid) ?? false
  }

  count(usage: number): void {
    this.device?.count(usage)
  }

  settleWritten(): void {
    this.device?.settleWritten()
  }

  sync(fd: number, dataOnly: boolean): number {
    return (this.device ?? unbound).sync(fd, dataOnly)
  }
}
