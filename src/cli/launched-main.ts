/**
 * The background process as the launcher starts it (native-bindings/src/launch.c), `NAME ARGUMENTS…` as the command
 * itself would have got them: begins the engine's thread, and reads what it shall mount beside it. Whatever is imported
 * here delays the mount.
 */
import { enginePool } from '../daemon/engine/engine-pool.js'
import { addonObstacle } from '../syscalls/native.js'

if (addonObstacle === null) enginePool.begin()
void import('./background-entry.js')
