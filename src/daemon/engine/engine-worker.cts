/** How the engine's thread begins: see ../cli/stratafs.cts. */
void import('./engine-worker.js')
