# frozen_string_literal: true

require 'json'

module SondeQemu
  # One kernel on one architecture, as vm-tests/matrix.json names it.
  class Cell
    # libvirt's settings, and QEMU's arguments that hold their values.
    BOOT = { kernel: '-kernel', initrd: '-initrd', cmd_line: '-append' }.freeze

    attr_reader :name, :kernel, :architecture, :folder

    # @param kernel [Hash] an entry of "kernels"
    # @param architecture [Hash] an entry of "architectures"
    # @param machines [String] folder in which `sonde-vm machine` leaves a folder for each cell
    def initialize(kernel, architecture, machines)
      @kernel = kernel
      @architecture = architecture
      @name = "#{kernel.fetch('name')}-#{architecture.fetch('name')}"
      @folder = File.join(machines, @name)
    end

    # @return [String] the key that its SSH server lets in; there once the machine was built
    def private_key
      File.join(folder, 'key')
    end

    # Sets a libvirt domain to what the QEMU provider starts. The disks are found by their NVMe
    # serial numbers, which libvirt passes through as arguments of QEMU.
    def configure_libvirt(domain)
      path = File.join(folder, 'machine.json')
      return unless File.file?(path)

      arguments = JSON.parse(File.read(path)).fetch('arguments')
      domain.driver = 'qemu'
      domain.memory = kernel.fetch('memoryMib')
      domain.machine_type = architecture.dig('qemu', 'machine')
      BOOT.each { |setting, flag| domain.public_send("#{setting}=", arguments[arguments.index(flag) + 1]) }
      self.class.disk_arguments(arguments).each { |value| domain.qemuargs value: }
    end

    # @return [Array<String>] the arguments that attach disks, in their order
    def self.disk_arguments(arguments)
      arguments.each_cons(2).flat_map do |flag, value|
        flag == '-drive' || value.start_with?('nvme,') ? [flag, value] : []
      end
    end
  end

  # The cells of the matrix, in its order.
  module Cells
    ROOT = File.expand_path('../../..', __dir__)
    MATRIX = File.join(ROOT, 'vm-tests/matrix.json')
    MACHINES = File.join(ROOT, 'vagrant/machines')

    def self.all(matrix: MATRIX, machines: MACHINES)
      read = JSON.parse(File.read(matrix))
      read.fetch('kernels').flat_map do |kernel|
        only = kernel['architectures']
        read.fetch('architectures')
            .select { |architecture| only.nil? || only.include?(architecture.fetch('name')) }
            .map { |architecture| Cell.new(kernel, architecture, machines) }
      end
    end
  end
end
