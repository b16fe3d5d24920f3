/** The conformance cases on the hybrid engine: run by hand (`npm run test:hybrid`), for they take as long as any column. */
import { runColumn } from './column-run.js'
import { hybrid } from './hybrid-columns.js'

runColumn(hybrid)
