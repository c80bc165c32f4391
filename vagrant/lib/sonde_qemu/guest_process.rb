# frozen_string_literal: true

require 'fileutils'
require 'json'
require 'open3'
require 'socket'

module SondeQemu
  # What went wrong with a machine, in one sentence that names it.
  class GuestError < StandardError; end

  # One QEMU that outlives the command that started it, known by files in a folder of its own.
  #
  # What a reader would get wrong: a process that is dead and not collected counts as dead (in a
  # container the first process may collect late, or never), and a process id alone proves nothing
  # after a reboot, so the command line is compared as well.
  class GuestProcess
    # @param folder [String] keeps the pid file, the port and the last command line
    # @param description [Hash] machine.json
    def initialize(folder, description)
      @folder = folder
      @description = description
    end

    def pid
      Integer(File.read(path('qemu.pid')).strip, exception: false)
    rescue Errno::ENOENT
      nil
    end

    # @return [Integer, nil] the loopback port that leads to the machine's SSH server
    def port
      Integer(File.read(path('port')).strip, exception: false)
    rescue Errno::ENOENT
      nil
    end

    def running?
      id = pid
      return false if id.nil? || !id.positive?

      state = File.read("/proc/#{id}/stat")[/\) (\S)/, 1]
      state != 'Z' && File.binread("/proc/#{id}/cmdline").split("\0").include?(path('qemu.pid'))
    rescue Errno::ENOENT, Errno::ESRCH
      false
    end

    # Starts QEMU and returns once it has detached itself. The port is free when it is chosen; the
    # rare other process that takes it in between makes QEMU say so, and another is tried.
    def start(attempts: 3)
      check_files
      FileUtils.mkdir_p(@folder)
      File.write(console, '')
      said = launch(free_port)
      (attempts - 1).times do
        break unless said&.include?('Could not set up host forwarding')

        said = launch(free_port)
      end
      raise GuestError, "start #{cell}: #{said}" unless said.nil?
    end

    # Waits for the console's ready line; SSH attempts before it cost seconds each.
    def wait_until_ready(seconds, interrupted: -> { false })
      limit = clock + seconds
      until console_text.include?(@description.fetch('ready'))
        raise GuestError, "boot #{cell}: it ended; its console ends with:\n#{console_tail}" unless running?

        if clock > limit
          raise GuestError, "boot #{cell}: not ready after #{seconds} s; its console ends with:\n#{console_tail}"
        end
        return if interrupted.call

        sleep 0.1
      end
    end

    # Ends QEMU. Nothing in the machine is kept, so there is nothing to shut down.
    def stop
      id = pid
      if running?
        Process.kill('TERM', id)
        50.times { running? ? sleep(0.1) : break }
        Process.kill('KILL', id) if running?
      end
    rescue Errno::ESRCH
      nil
    ensure
      FileUtils.rm_f([path('qemu.pid'), path('port')])
    end

    def console
      @description.fetch('console')
    end

    def console_tail(lines = 25)
      console_text.lines.last(lines).map { |line| "    #{line}" }.join
    end

    # @return [Array<String>] everything after the program's name
    def arguments(port)
      network = "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:#{port}-:22"
      @description.fetch('arguments') +
        ['-netdev', network, '-device', 'virtio-net-pci,netdev=net,romfile=',
         '-pidfile', path('qemu.pid'), '-daemonize']
    end

    private

    def cell
      @description.fetch('cell')
    end

    def path(name)
      File.join(@folder, name)
    end

    def clock
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    def console_text
      File.binread(console).force_encoding('UTF-8').scrub
    rescue Errno::ENOENT
      ''
    end

    def free_port
      TCPServer.open('127.0.0.1', 0) { |server| server.addr[1] }
    end

    # @return [String, nil] what QEMU said when it did not start
    def launch(port)
      File.write(path('port'), port.to_s)
      command = [@description.fetch('program'), *arguments(port)]
      File.write(path('command.json'), JSON.pretty_generate(command))
      said, status = Open3.capture2e(*command, stdin_data: '')
      status.success? ? nil : said.strip
    rescue Errno::ENOENT
      "#{@description.fetch('program')} is not installed"
    end

    # A disk or a kernel may have gone with the cache since the machine was built.
    def check_files
      paths = @description.fetch('arguments').filter_map { |each| each[%r{(?:\A|,file=)(/.*)\z}, 1] }
      missing = paths.reject { |each| File.exist?(each) }
      return if missing.empty?

      raise GuestError, "start #{cell}: no such file: #{missing.join(', ')}; build it again: #{Build.command(cell)}"
    end
  end

  # How a machine is built.
  module Build
    def self.command(cell)
      "node vm-tests/dist/main.js machine --cells #{cell}"
    end
  end
end
