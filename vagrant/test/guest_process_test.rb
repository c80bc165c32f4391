# frozen_string_literal: true

require 'minitest/autorun'
require 'tmpdir'
require_relative '../lib/sonde_qemu/guest_process'

# A process that stands for QEMU: it takes QEMU's own arguments, detaches itself, writes the pid file
# and the console. So everything but the emulation is real here.
class GuestProcessTest < Minitest::Test
  STAND_IN = <<~SHELL
    #!/bin/sh
    for argument in "$@"; do
      case $previous in -pidfile) pidfile=$argument;; esac
      previous=$argument
    done
    [ -n "$REFUSE" ] && { echo "Could not set up host forwarding rule" >&2; exit 1; }
    setsid sh -c 'echo $$ > "$1"; echo "up" >> "$2"; [ -n "$DIES" ] && exit; while :; do sleep 1; done' \\
      stand-in "$pidfile" "$CONSOLE" "$pidfile" > /dev/null 2>&1 < /dev/null &
    sleep 0.3
  SHELL

  def setup
    @folder = Dir.mktmpdir
    @program = File.join(@folder, 'stand-in')
    File.write(@program, STAND_IN)
    File.chmod(0o755, @program)
    ENV['CONSOLE'] = File.join(@folder, 'console.log')
    @guest = SondeQemu::GuestProcess.new(File.join(@folder, 'machine'), description)
  end

  def teardown
    @guest.stop
    %w[CONSOLE REFUSE DIES].each { |name| ENV.delete(name) }
    FileUtils.rm_rf(@folder)
  end

  def description(more = {})
    { 'cell' => '6.12-amd64', 'program' => @program, 'arguments' => [], 'console' => File.join(@folder, 'console.log'),
      'ready' => 'up' }.merge(more)
  end

  def test_nothing_runs_before_the_start
    refute_predicate @guest, :running?
    assert_nil @guest.pid
    assert_nil @guest.port
  end

  def test_start_wait_and_stop
    @guest.start
    @guest.wait_until_ready(10)
    assert_predicate @guest, :running?
    assert_operator @guest.port, :>, 1023
    id = @guest.pid
    @guest.stop
    refute_predicate @guest, :running?
    refute File.exist?("/proc/#{id}") && File.read("/proc/#{id}/stat")[/\) (\S)/, 1] != 'Z'
  end

  def test_only_the_loopback_leads_in_and_nothing_out
    network = @guest.arguments(4242)[@guest.arguments(4242).index('-netdev') + 1]
    assert_includes network, 'restrict=on'
    assert_includes network, 'hostfwd=tcp:127.0.0.1:4242-:22'
  end

  def test_a_port_that_is_taken_is_tried_again_and_then_said
    ENV['REFUSE'] = '1'
    error = assert_raises(SondeQemu::GuestError) { @guest.start }
    assert_match(/\Astart 6\.12-amd64: Could not set up host forwarding/, error.message)
  end

  def test_a_guest_that_dies_while_booting_shows_its_console
    ENV['DIES'] = '1'
    guest = SondeQemu::GuestProcess.new(File.join(@folder, 'machine'), description('ready' => 'never'))
    guest.start
    error = assert_raises(SondeQemu::GuestError) { guest.wait_until_ready(10) }
    assert_match(/boot 6\.12-amd64: it ended; its console ends with:\n    up/, error.message)
  end

  def test_a_guest_that_never_gets_ready_is_given_up
    guest = SondeQemu::GuestProcess.new(File.join(@folder, 'machine'), description('ready' => 'never'))
    guest.start
    error = assert_raises(SondeQemu::GuestError) { guest.wait_until_ready(0.3) }
    assert_match(/not ready after 0\.3 s/, error.message)
    guest.stop
  end

  def test_missing_files_and_programs_are_named
    missing = description('arguments' => ['-kernel', '/nowhere/vmlinux', '-drive', 'if=none,file=/nowhere/disk'])
    error = assert_raises(SondeQemu::GuestError) { SondeQemu::GuestProcess.new(@folder, missing).start }
    assert_match(%r{no such file: /nowhere/vmlinux, /nowhere/disk; build it again: node .*6\.12-amd64}, error.message)
    absent = description('program' => 'qemu-system-absent')
    error = assert_raises(SondeQemu::GuestError) { SondeQemu::GuestProcess.new(@folder, absent).start }
    assert_match(/qemu-system-absent is not installed/, error.message)
  end

  def test_another_process_with_the_old_id_is_not_ours
    FileUtils.mkdir_p(File.join(@folder, 'machine'))
    File.write(File.join(@folder, 'machine', 'qemu.pid'), Process.pid.to_s)
    refute_predicate @guest, :running?
  end
end
