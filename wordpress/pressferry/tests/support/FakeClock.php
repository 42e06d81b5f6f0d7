<?php
namespace Pressferry\Tests;

final class FakeClock extends \Pressferry\Clock {
	/** @var int */
	public $ms = 1795500000000;

	public function now_ms(): int {
		return $this->ms;
	}
}
