/** Opening the page in the person's browser, where there is a display. */
import { spawn } from 'node:child_process'

/** Whether a browser could be shown. */
export function hasDisplay(): boolean {
  const { DISPLAY, WAYLAND_DISPLAY, BROWSER } = process.env
  return Boolean(DISPLAY) || Boolean(WAYLAND_DISPLAY) || Boolean(BROWSER)
}

/** Opens `url` by $BROWSER or xdg-open, and waits for neither. Where that fails the address is printed anyway. */
export function openBrowser(url: string): void {
  const program = process.env.BROWSER?.split(':')[0] || 'xdg-open'
  const child = spawn(program, [url], { stdio: 'ignore', detached: true })
  child.once('error', () => {})
  child.unref()
}
