/** How the thread that makes a metadata image begins: see ../../../cli/stratafs.cts. */
void import('./image-worker.js')
