import type { Explorer } from '../../explore/explorer.js'
export async function runTerminal(_explorer: Explorer): Promise<number> {
  return 1
}
