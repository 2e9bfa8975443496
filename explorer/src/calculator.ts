// One worker that is asked one thing at a time; of what is asked meanwhile only the latest counts.

import source from "worker-source";
import type { Question } from "./worker";

export class Calculator<Answer> {
  private readonly worker: Worker;
  private busy = false;
  private next: Question | null = null;

  /** `pause`: ms that it rests after an answer, for others to go first. */
  constructor(answered: (answer: Answer) => void, pause = 0) {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this.worker = new Worker(address);
    this.worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (pause > 0) setTimeout(() => this.rested(), pause);
      else this.rested();
      answered(data);
    };
  }

  private rested(): void {
    this.busy = false;
    if (this.next) this.ask(this.next);
  }

  ask(question: Question): void {
    this.next = this.busy ? question : null;
    if (this.busy) return;
    this.busy = true;
    this.worker.postMessage(question);
  }
}
