// A picture with two axes on a canvas, handles above it that a pointer and keys can move, and its export.

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Context } from "svgcanvas";
import { save } from "./files";
import { type Scale, type Spacing, scale, tickLabels } from "./scale";

export interface Axis {
  domain: [number, number];
  label: string;
  spacing?: Spacing;
}

export interface Frame {
  pen: CanvasRenderingContext2D;
  x: Scale;
  y: Scale;
  colour: (name: string) => string;
}

export interface Handle {
  label: string;
  /** What it stands for, for a screen reader. */
  text: string;
  /** Its middle, and its width where it is a span of x; the whole height of the picture if y is not given. */
  x: number;
  y?: number;
  width?: number;
  /** Moved to, from where it was when it was taken. */
  moved: (x: number, y: number) => void;
  /** How far an arrow key moves it, and with the shift key ten times as far. */
  step: [x: number, y: number];
}

interface PlotProps {
  name: string;
  title: string;
  /** What is to be seen, for a screen reader. */
  text: string;
  x: Axis;
  y: Axis;
  /** Height over width; if not given, the height that the page's layout gives it. */
  ratio?: number;
  draw: (frame: Frame) => void;
  handles?: Handle[];
  /** Pressed anywhere. */
  pressed?: (x: number, y: number) => void;
  children?: ComponentChildren;
  caption: ComponentChildren;
}

const SPACE = { left: 46, right: 18, top: 10, bottom: 38 };
const FONT = "system-ui, 'Segoe UI', Roboto, sans-serif";
const HIT = 22;

const dark = matchMedia("(prefers-color-scheme: dark)");
const colours = new Map<string, string>();
dark.addEventListener("change", () => colours.clear());

/** A colour of the style sheet, as it is in light or dark. */
function colour(name: string): string {
  const known = colours.get(name);
  if (known !== undefined) return known;
  const found = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  colours.set(name, found);
  return found;
}

type Align = "left" | "center" | "right";

/** Draw a text with subscripts, K_a, that begins at a place, ends there, or has its middle there. */
function write(
  pen: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  align: Align,
  halo = false,
) {
  const parts = text.split(/_(\w+)/);
  const font = (part: number) => `${part % 2 ? 9 : 12}px ${FONT}`;
  const widths = parts.map((part, i) => {
    pen.font = font(i);
    return pen.measureText(part).width;
  });
  const total = widths.reduce((sum, width) => sum + width, 0);
  let left = x - { left: 0, center: total / 2, right: total }[align];
  pen.textAlign = "left";
  parts.forEach((part, i) => {
    pen.font = font(i);
    const down = y + (i % 2 ? 3 : 0);
    if (halo) pen.strokeText(part, left, down);
    pen.fillText(part, left, down);
    left += widths[i];
  });
}

/** Draw a text inside of a picture, readable on lines. */
export function note({ pen, colour }: Frame, text: string, x: number, y: number, align: Align) {
  pen.strokeStyle = colour("ground");
  pen.lineWidth = 4;
  write(pen, text, x, y, align, true);
}

/** Draw a polyline through some of the points of two lists. */
export function line(
  { pen, x, y }: Frame,
  xs: ArrayLike<number>,
  ys: ArrayLike<number>,
  from = 0,
  to = xs.length,
) {
  pen.beginPath();
  let [lastX, lastY] = [Number.NaN, Number.NaN];
  for (let i = from; i < to; i++) {
    const [px, py] = [x(xs[i]), y(ys[i])];
    if (Math.abs(px - lastX) + Math.abs(py - lastY) < 0.6 && i < to - 1) continue;
    if (i === from) pen.moveTo(px, py);
    else pen.lineTo(px, py);
    [lastX, lastY] = [px, py];
  }
  pen.stroke();
}

/** Fill what lies between two curves. */
export function fill({ pen, x, y }: Frame, xs: number[], low: number[], high: number[]) {
  pen.beginPath();
  for (let i = 0; i < xs.length; i++) pen.lineTo(x(xs[i]), y(high[i]));
  for (let i = xs.length - 1; i >= 0; i--) pen.lineTo(x(xs[i]), y(low[i]));
  pen.closePath();
  pen.fill();
}

/** Draw an upright line over the whole height. */
export function upright({ pen, x, y }: Frame, at: number) {
  pen.beginPath();
  pen.moveTo(x(at), y(y.domain[0]));
  pen.lineTo(x(at), y(y.domain[1]));
  pen.stroke();
}

function paint(
  pen: CanvasRenderingContext2D,
  width: number,
  height: number,
  { x: along, y: up, draw }: PlotProps,
) {
  const right = width - SPACE.right;
  const bottom = height - SPACE.bottom;
  const x = scale(along.domain, [SPACE.left, right], along.spacing, Math.max(3, width / 90));
  const y = scale(up.domain, [bottom, SPACE.top], up.spacing, Math.max(3, height / 70));
  pen.lineWidth = 1;
  pen.strokeStyle = colour("line");
  pen.fillStyle = colour("soft");
  const labels = { x: tickLabels(x.ticks), y: tickLabels(y.ticks) };
  y.ticks.forEach((value, i) => {
    pen.beginPath();
    pen.moveTo(SPACE.left, y(value));
    pen.lineTo(right, y(value));
    pen.stroke();
    write(pen, labels.y[i], SPACE.left - 7, y(value) + 4, "right");
  });
  x.ticks.forEach((value, i) => {
    write(pen, labels.x[i], x(value), bottom + 16, "center");
  });
  pen.fillStyle = colour("ink");
  write(pen, along.label, (SPACE.left + right) / 2, height - 5, "center");
  pen.save();
  pen.translate(12, (SPACE.top + bottom) / 2);
  pen.rotate(-Math.PI / 2);
  write(pen, up.label, 0, 0, "center");
  pen.restore();
  pen.save();
  pen.beginPath();
  pen.rect(SPACE.left, SPACE.top, right - SPACE.left, bottom - SPACE.top);
  pen.clip();
  pen.lineJoin = "round";
  draw({ pen, x, y, colour });
  pen.restore();
  pen.strokeStyle = colour("soft");
  pen.beginPath();
  pen.moveTo(SPACE.left, SPACE.top);
  pen.lineTo(SPACE.left, bottom);
  pen.lineTo(right, bottom);
  pen.stroke();
  return { x, y };
}

export function Plot(props: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [[width, height], resize] = useState<[number, number]>([0, 0]);
  const [, recolour] = useState({});

  useEffect(() => {
    const box = place.current as HTMLDivElement;
    const observer = new ResizeObserver(() => resize([box.clientWidth, box.clientHeight]));
    observer.observe(box);
    const changed = () => recolour({});
    dark.addEventListener("change", changed);
    return () => {
      observer.disconnect();
      dark.removeEventListener("change", changed);
    };
  }, []);

  useLayoutEffect(() => {
    if (!canvas.current || width === 0) return;
    const density = devicePixelRatio;
    const [w, h] = [Math.round(width * density), Math.round(height * density)];
    if (canvas.current.width !== w || canvas.current.height !== h)
      Object.assign(canvas.current, { width: w, height: h });
    const pen = canvas.current.getContext("2d") as CanvasRenderingContext2D;
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.clearRect(0, 0, width, height);
    paint(pen, width, height, props);
  });

  const exported = (pen: CanvasRenderingContext2D) => {
    pen.fillStyle = colour("ground");
    pen.fillRect(0, 0, width, height);
    paint(pen, width, height, props);
  };
  const asSvg = () => {
    const pen = new Context({ width, height });
    exported(pen as unknown as CanvasRenderingContext2D);
    save(new Blob([pen.getSerializedSvg()], { type: "image/svg+xml" }), `${props.name}.svg`);
  };
  const asPng = () => {
    const sheet = Object.assign(document.createElement("canvas"), { width: 3 * width, height: 3 * height });
    const pen = sheet.getContext("2d") as CanvasRenderingContext2D;
    pen.scale(3, 3);
    exported(pen);
    sheet.toBlob((blob) => blob && save(blob, `${props.name}.png`));
  };

  const x = scale(props.x.domain, [SPACE.left, width - SPACE.right], props.x.spacing);
  const y = scale(props.y.domain, [height - SPACE.bottom, SPACE.top], props.y.spacing);
  const within = (event: PointerEvent): [number, number] => {
    const box = (place.current as HTMLDivElement).getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const pressed = (event: PointerEvent) => {
    const [px, py] = within(event);
    if (event.target === canvas.current) props.pressed?.(x.invert(px), y.invert(py));
  };

  return (
    <figure id={props.name} class="plot">
      <header>
        <h2>{props.title}</h2>
        <span class="exports">
          {props.children}
          <button type="button" aria-label={`Save ${props.title} as SVG`} onClick={asSvg}>
            SVG
          </button>
          <button type="button" aria-label={`Save ${props.title} as PNG`} onClick={asPng}>
            PNG
          </button>
        </span>
      </header>
      <div
        class={props.pressed ? "sheet pressable" : "sheet"}
        ref={place}
        style={props.ratio ? { aspectRatio: `1 / ${props.ratio}` } : {}}
        onPointerDown={pressed}
      >
        <canvas ref={canvas} role="img" aria-label={props.text} />
        {width > 0 &&
          props.handles?.map((handle) => <Grip key={handle.label} {...{ handle, x, y, within }} />)}
      </div>
      <figcaption>{props.caption}</figcaption>
    </figure>
  );
}

/** What a colour stands for. */
export const Key = ({ name, children }: { name: string; children: string }) => (
  <span class="key" style={{ "--key": `var(--${name})` }}>
    {children}
  </span>
);

interface GripProps {
  handle: Handle;
  x: Scale;
  y: Scale;
  within: (event: PointerEvent) => [number, number];
}

const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

function Grip({ handle, x, y, within }: GripProps) {
  const held = useRef<[number, number] | null>(null);
  const at = [x(handle.x), handle.y === undefined ? Number.NaN : y(handle.y)];
  const width =
    handle.width === undefined ? HIT : x(handle.x + handle.width / 2) - x(handle.x - handle.width / 2);
  const [low, high] = y.domain;
  const [left, top, wide, tall] =
    handle.y === undefined
      ? [at[0] - width / 2, y(high), width, y(low) - y(high)]
      : [at[0] - HIT / 2, at[1] - HIT / 2, HIT, HIT];
  const box = { left: `${left}px`, top: `${top}px`, width: `${wide}px`, height: `${tall}px` };
  const down = (event: PointerEvent) => {
    const [px, py] = within(event);
    const grip = event.currentTarget as HTMLElement;
    grip.setPointerCapture(event.pointerId);
    grip.focus({ preventScroll: true });
    held.current = [px - at[0], py - at[1]];
    event.preventDefault();
  };
  const move = (event: PointerEvent) => {
    if (!held.current) return;
    const [px, py] = within(event);
    handle.moved(x.invert(px - held.current[0]), y.invert(py - held.current[1]));
  };
  const key = (event: KeyboardEvent) => {
    const arrow = ARROWS[event.key];
    if (!arrow || (handle.y === undefined && arrow[0] === 0)) return;
    event.preventDefault();
    const far = event.shiftKey ? 10 : 1;
    handle.moved(
      handle.x + far * arrow[0] * handle.step[0],
      (handle.y ?? 0) + far * arrow[1] * handle.step[1],
    );
  };
  return (
    <span
      class={handle.y !== undefined ? "grip ring" : handle.width === undefined ? "grip edge" : "grip window"}
      role="slider"
      tabIndex={0}
      aria-label={handle.label}
      aria-valuenow={handle.x}
      aria-valuetext={handle.text}
      style={box}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={() => (held.current = null)}
      onPointerCancel={() => (held.current = null)}
      onKeyDown={key}
    />
  );
}
