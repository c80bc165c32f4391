/** The report room: one analysed trace in, text out. One file per format. */
export { buildReport, type ReportInput } from './build-report.js';
export { writeJson } from './json.js';
export { REPORT_SCHEMA } from './report.js';
export type {
  Report,
  ReportCost,
  ReportFrame,
  ReportGrowth,
  ReportPoint,
  ReportProbe,
  ReportSample,
  ReportStack,
  ReportTarget,
  ReportTouch,
} from './report.js';
export { keepEnd, padEnd, padStart, Screen, type ScreenOptions } from './screen.js';
export { writeText } from './text.js';
export { foldGlue } from './text-suspect.js';
