/** Source of the worker, bundled. */
declare module "worker-source" {
  const source: string;
  export default source;
}

declare module "svgcanvas" {
  export class Context {
    constructor(options: { width: number; height: number });
    getSerializedSvg(): string;
  }
}
